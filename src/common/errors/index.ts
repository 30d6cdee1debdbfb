export { BackplaneError, type ErrorCode, type ErrorKind } from './backplane.error.js';
export { errorKind } from './error-kind.js';
export { InvalidOptionError } from './invalid-option.error.js';
export { loadPeer, MissingPeerError } from './missing-peer.error.js';
