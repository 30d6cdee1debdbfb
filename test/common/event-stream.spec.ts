import { EventStream } from '../../src/common/events/index.js';

declare module '../../src/common/events/event-stream.js' {
  interface BackplaneEvents {
    'test.rang': { readonly times: number };
    'test.other': string;
  }
}

describe('EventStream', () => {
  let events: EventStream;
  let warn: jest.SpyInstance;

  beforeEach(() => {
    events = new EventStream();
    warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  });

  afterEach(() => warn.mockRestore());

  it('hands the payload to every listener of that name, in order, before emit returns', () => {
    const heard: string[] = [];
    events.on('test.rang', ({ times }) => heard.push(`first ${times}`));
    events.on('test.rang', ({ times }) => heard.push(`second ${times}`));
    events.on('test.other', (text) => heard.push(text));
    events.emit('test.rang', { times: 3 });
    expect(heard).toEqual(['first 3', 'second 3']);
  });

  it('hands every event to who listens to all, after those who listen to its name', () => {
    const heard: unknown[] = [];
    const end = events.onAny((event) => heard.push(event));
    events.on('test.other', (text) => heard.push(text));
    events.emit('test.rang', { times: 1 });
    events.emit('test.other', 'hello');
    end();
    events.emit('test.other', 'late');
    expect(heard).toEqual([
      { name: 'test.rang', payload: { times: 1 } },
      'hello',
      { name: 'test.other', payload: 'hello' },
      'late',
    ]);
  });

  it('does nothing without a listener', () => {
    expect(() => events.emit('test.rang', { times: 1 })).not.toThrow();
    expect(warn).not.toHaveBeenCalled();
  });

  it('no longer calls a listener that was ended, also when it is ended twice', () => {
    const ended = jest.fn();
    const staying = jest.fn();
    const end = events.on('test.rang', ended);
    events.on('test.rang', staying);
    end();
    end();
    events.emit('test.rang', { times: 1 });
    expect(ended).not.toHaveBeenCalled();
    expect(staying).toHaveBeenCalledTimes(1);
  });

  it('serves a name again after its last listener was ended twice', () => {
    const end = events.on('test.rang', () => undefined);
    end();
    const listener = jest.fn();
    events.on('test.rang', listener);
    end();
    events.emit('test.rang', { times: 2 });
    expect(listener).toHaveBeenCalledWith({ times: 2 });
  });

  it('calls a listener that ends itself once, and the ones after it', () => {
    const heard: string[] = [];
    const end = events.on('test.rang', () => {
      heard.push('once');
      end();
    });
    events.on('test.rang', () => heard.push('always'));
    events.emit('test.rang', { times: 1 });
    events.emit('test.rang', { times: 2 });
    expect(heard).toEqual(['once', 'always', 'always']);
  });

  it.each([
    ['an Error', new Error('no bell'), 'no bell'],
    ['anything else', 'a text', 'a text'],
  ])('turns %s thrown by a listener into a process warning', (_what, thrown, detail) => {
    const after = jest.fn();
    events.on('test.rang', () => {
      throw thrown;
    });
    events.on('test.rang', after);
    expect(() => events.emit('test.rang', { times: 1 })).not.toThrow();
    expect(after).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(
      `A listener of "test.rang" failed: ${detail}`,
      'BackplaneEventWarning',
    );
  });

  it('keeps streams apart', () => {
    const listener = jest.fn();
    new EventStream().on('test.rang', listener);
    events.emit('test.rang', { times: 1 });
    expect(listener).not.toHaveBeenCalled();
  });
});
