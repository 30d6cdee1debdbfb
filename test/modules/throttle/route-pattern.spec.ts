import { compileRoutePattern } from '../../../src/modules/throttle/requests/route-pattern.js';

function matches(pattern: string, path: string, template = path): boolean {
  return compileRoutePattern(pattern, undefined)({ method: 'GET', paths: [path, template] });
}

describe('a route pattern', () => {
  it.each([
    ['/api/contact', '/api/contact'],
    ['/', '/'],
    ['/', ''],
    ['/api/contact', '/API/Contact'],
    ['/API/Contact', '/api/contact'],
    ['/api/contact', '/api/contact/'],
    ['/api/contact/', '/api/contact'],
    ['/api/contact', '//api//contact'],
    ['/api/contact', '/api/cont%61ct'],
    ['/api/contact', '/%41PI/contact'],
    ['/caf%C3%A9', '/café'],
    ['/café', '/CAF%C3%89'],
    ['/users/:id', '/users/42'],
    ['/users/:id', '/users/%2E%2E'],
    ['/users/:id/posts/:post', '/users/42/posts/7'],
    ['/users/*', '/users/42'],
    ['/*/contact', '/api/contact'],
    ['/api/**', '/api'],
    ['/api/**', '/api/'],
    ['/api/**', '/api/a/b/c'],
    ['/api/:version/**', '/api/v1'],
    ['/api/:version/**', '/api/v1/a/b'],
    ['/**', '/'],
    ['/**', '/anything/at/all'],
    ['/a%', '/a%'],
  ])('%s covers %s', (pattern, path) => {
    expect(matches(pattern, path)).toBe(true);
  });

  it.each([
    ['/api/contact', '/api/contacts'],
    ['/api/contact', '/api'],
    ['/api/contact', '/api/contact/form'],
    ['/api/contact', '/contact'],
    ['/users/:id', '/users'],
    ['/users/:id', '/users/42/posts'],
    ['/users/*', '/users'],
    ['/api/:version/**', '/api'],
    ['/api/**', '/apis'],
    ['/', '/a'],
    ['/a.c', '/abc'],
    ['/a+', '/aa'],
    ['/api', '/%E0%A4%A'],
  ])('%s does not cover %s', (pattern, path) => {
    expect(matches(pattern, path)).toBe(false);
  });

  it('also covers a route whose template it matches, however the path was written', () => {
    expect(matches('/files/:name', '/files/a%2Fb', '/files/:name')).toBe(true);
    expect(matches('/files/:id', '/files/a%2Fb', '/files/:NAME')).toBe(true);
  });
});

describe('the method of a route pattern', () => {
  const covers = (method: string | undefined, asked: string): boolean =>
    compileRoutePattern('/a', method)({ method: asked, paths: ['/a'] });

  it('is every method when none is given', () => {
    expect(
      ['GET', 'HEAD', 'POST', 'OPTIONS', 'PURGE'].every((asked) => covers(undefined, asked)),
    ).toBe(true);
  });

  it('holds for itself alone, except that GET is asked by HEAD as well', () => {
    expect(covers('POST', 'POST')).toBe(true);
    expect(covers('POST', 'GET')).toBe(false);
    expect(covers('GET', 'HEAD')).toBe(true);
    expect(covers('HEAD', 'GET')).toBe(false);
    expect(covers('POST', 'HEAD')).toBe(false);
  });
});
