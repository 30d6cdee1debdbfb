import { Redis } from 'ioredis';

let sent = 0;

const send = Reflect.get(Redis.prototype, 'sendCommand');
Redis.prototype.sendCommand = function counted(...args) {
  sent += 1;
  return Reflect.apply(send, this, args);
};

/**
 * Commands that all ioredis clients of this process have sent, those in the background included.
 * What runs inside a script is not sent, and a message that is received is no command.
 */
export function sentCommands() {
  return sent;
}
