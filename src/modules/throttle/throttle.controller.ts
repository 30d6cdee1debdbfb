import {
  Body,
  ConflictException,
  Delete,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Post,
  Query,
} from '@nestjs/common';
import { AdminController } from '../../common/admin/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { BlockedCounts } from './blocked-counts.js';
import { decisive } from './decisive.js';
import { TopOffenders } from './offenders/top-offenders.js';
import { RequestPolicies } from './requests/request-policies.js';
import {
  parseBlock,
  parseGrant,
  parseTop,
  policyBodyOf,
  type RateLimitListBody,
  type RateLimitStateBody,
  type RateLimitTopBody,
  stateBodyOf,
} from './throttle.bodies.js';
import { capacityOf, type ThrottleCheck, ThrottleDriver } from './throttle.driver.js';

/**
 * The rate limits, for operators. Subjects are what `getTracker` says, by default the IP address.
 */
@AdminController('rate-limit')
export class ThrottleAdminController {
  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(RequestPolicies) private readonly policies: RequestPolicies,
    @Inject(BlockedCounts) private readonly blocked: BlockedCounts,
    @Inject(TopOffenders) private readonly offenders: TopOffenders,
  ) {}

  @Get()
  list(): RateLimitListBody {
    const { known } = this.policies;
    const policies = known.list().map((each) => policyBodyOf(each, this.#deniedBy(each.name)));
    return { policies, truncated: known.isTruncated };
  }

  /** Who was denied most lately, by any limit; a count may be too high by its `error`. */
  @Get('top')
  async top(@Query() query: unknown): Promise<RateLimitTopBody> {
    return this.offenders.top(parseTop(query));
  }

  /** Counts nothing. Limits that share the name answer with the one that is closest to denying. */
  @Get(':policy/:subject')
  async peek(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
  ): Promise<RateLimitStateBody> {
    return this.#stateOf(this.#asked(policy, subject));
  }

  /** Lets the subject start anew. Answers whether anything was counted. */
  @Delete(':policy/:subject')
  async reset(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
  ): Promise<{ readonly reset: boolean }> {
    return { reset: await this.driver.reset(this.#asked(policy, subject)) };
  }

  /** Takes the latest hits back, `hits` of them or as many as there are. */
  @Post(':policy/:subject/grant')
  @HttpCode(200)
  async grant(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
    @Body() body: unknown,
  ): Promise<RateLimitStateBody> {
    const checks = this.#asked(policy, subject);
    const hits = parseGrant(body);
    // Of limits that share a counter the first decides, so that is the one that allows most.
    const widestFirst = checks.toSorted((a, b) => capacityOf(b.policy) - capacityOf(a.policy));
    await this.driver.grant(
      widestFirst.map((check) => ({ ...check, cost: Math.min(hits, capacityOf(check.policy)) })),
    );
    return this.#stateOf(checks);
  }

  /** Denies the subject everything for a `duration`; a reset ends it. */
  @Post(':policy/:subject/block')
  @HttpCode(200)
  async block(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
    @Body() body: unknown,
  ): Promise<RateLimitStateBody> {
    const checks = this.#asked(policy, subject);
    const durationMs = parseBlock(body);
    const blockable = checks.filter((check) => check.policy.block !== undefined);
    if (blockable.length === 0) throw ignoresBlocks(policy);
    await this.driver.block(blockable, durationMs);
    return this.#stateOf(checks);
  }

  #deniedBy(name: string) {
    return { blocked: this.blocked.of(name), shadow_blocked: this.blocked.inShadowOf(name) };
  }

  /** One check for each limit of that name. @throws NotFoundException @throws InvalidOptionError */
  #asked(name: string, subject: string): readonly ThrottleCheck[] {
    const found = this.policies.known.named(name);
    if (found.length === 0) throw unknownPolicy(name);
    checkKeyText(subject, 'subject');
    return found.map((policy) => ({ subject, policy, cost: 1 }));
  }

  async #stateOf(checks: readonly ThrottleCheck[]): Promise<RateLimitStateBody> {
    const outcome = await this.driver.peek(checks);
    const decision = decisive(outcome);
    if (decision === undefined) throw new TypeError('the driver decided about nothing');
    return stateBodyOf(checks[0]?.subject ?? '', outcome, decision);
  }
}

function unknownPolicy(name: string): NotFoundException {
  return new NotFoundException(
    `No limit is called "${name}". Those of decorators are known from their first request on.`,
  );
}

function ignoresBlocks(name: string): ConflictException {
  return new ConflictException(
    `The limit "${name}" does not look at blocks. Set its option "block"; "manual" is enough.`,
  );
}
