import { Inject, Injectable } from '@nestjs/common';
import type { HttpRequest } from '../../common/http/index.js';
import { SessionCookies } from './session-cookies.js';
import { SessionDriver, type TouchRule } from './session.driver.js';
import { isSameHash, parseCookieValue } from './session-id.js';

/** A session is over before it is due. */
const NEVER_TOUCH: TouchRule = { touchPermille: 2_000 };

/**
 * Says whose session a request comes with, for code that runs before `SessionGuard` and decides
 * about something else, such as rate limits.
 *
 * The session is not touched: else the guard would not find it renewed, and would not send the
 * cookie again, which then ends before the session does.
 */
@Injectable()
export class SessionIdentity {
  constructor(
    @Inject(SessionDriver) private readonly driver: SessionDriver,
    @Inject(SessionCookies) private readonly cookies: SessionCookies,
  ) {}

  /**
   * `undefined` without a valid session; an invalid one is told to nobody.
   *
   * @throws SessionBackendDownError as every method of `SessionService`
   */
  async userOf(request: HttpRequest): Promise<string | undefined> {
    const cookieValue = this.cookies.read(request);
    const credential = cookieValue === undefined ? undefined : parseCookieValue(cookieValue);
    if (credential === undefined) return undefined;
    const found = await this.driver.validate(credential, NEVER_TOUCH);
    const { secretHash, userId } = found?.session ?? {};
    // The drivers have compared it already; one of the application's own may have forgotten to.
    if (secretHash === undefined || !isSameHash(secretHash, credential.secretHash))
      return undefined;
    return userId;
  }
}
