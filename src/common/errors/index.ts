export { BackplaneError, type ErrorCode } from './backplane.error.js';
export { InvalidOptionError } from './invalid-option.error.js';
export { loadPeer, MissingPeerError } from './missing-peer.error.js';
