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
  Req,
} from '@nestjs/common';
import { AdminController } from '../../common/admin/index.js';
import { type JobBody, jobBodyOf } from './queue.bodies.js';
import type { AddedJob } from './queue.driver.js';
import { QueueUnknownError } from './queue.errors.js';
import { parseClean, parseDequeue, parseJob, parseList } from './queue.requests.js';
import { QueueService, type QueueStatus } from './queue.service.js';

interface JobAnswer {
  readonly id: string;
  readonly outcome: string;
}

/** Queues for operators. Times in the answers are milliseconds since the epoch. */
@AdminController('queues')
export class QueueAdminController {
  constructor(@Inject(QueueService) private readonly queues: QueueService) {}

  @Get()
  async list(): Promise<{ readonly queues: readonly QueueStatus[] }> {
    const names = this.queues.queues();
    return { queues: await Promise.all(names.map((name) => this.queues.status(name))) };
  }

  @Get(':name')
  async status(@Param('name') name: string): Promise<QueueStatus> {
    this.#assertKnown(name);
    return this.queues.status(name);
  }

  @Post(':name/jobs')
  async enqueue(@Param('name') name: string, @Body() body: unknown): Promise<AddedJob> {
    this.#assertKnown(name);
    const { name: job, payload, options } = parseJob(body);
    return this.queues.enqueue(name, job, payload, options);
  }

  @Get(':name/jobs')
  async jobs(
    @Param('name') name: string,
    @Query() query: unknown,
  ): Promise<{ readonly jobs: readonly JobBody[] }> {
    this.#assertKnown(name);
    const { state, ...range } = parseList(query);
    return { jobs: (await this.queues.jobs(name, state, range)).map(jobBodyOf) };
  }

  @Get(':name/jobs/:id')
  async job(@Param('name') name: string, @Param('id') id: string): Promise<JobBody> {
    this.#assertKnown(name);
    return jobBodyOf((await this.queues.job(name, id)) ?? unknownJob(id));
  }

  @Delete(':name/jobs/:id')
  @HttpCode(204)
  async remove(@Param('name') name: string, @Param('id') id: string): Promise<void> {
    this.#assertKnown(name);
    const outcome = await this.queues.remove(name, id);
    if (outcome === 'absent') unknownJob(id);
    if (outcome === 'active') throw new ConflictException(`The job "${id}" runs: not removed.`);
  }

  @Post(':name/jobs/:id/retry')
  @HttpCode(200)
  async retry(@Param('name') name: string, @Param('id') id: string): Promise<JobAnswer> {
    this.#assertKnown(name);
    const outcome = await this.queues.retry(name, id);
    if (outcome === 'absent') unknownJob(id);
    if (outcome === 'not-failed') throw new ConflictException(`The job "${id}" has not failed.`);
    return { id, outcome };
  }

  /**
   * Takes the next job out of the queue and completes it at once, because there is nobody to do
   * that later; `{ job: null }` when none came in time. A client that has gone meanwhile gets none:
   * the job is put back.
   */
  @Post(':name/dequeue')
  @HttpCode(200)
  async dequeue(
    @Param('name') name: string,
    @Query() query: unknown,
    @Req() request: { readonly socket: { readonly destroyed: boolean } },
  ): Promise<{ readonly job: JobBody | null }> {
    this.#assertKnown(name);
    const lease = await this.queues.dequeue(name, parseDequeue(query));
    if (request.socket.destroyed) {
      await lease?.release();
      return { job: null };
    }
    await lease?.complete({ takenBy: 'admin' });
    return { job: lease === undefined ? null : jobBodyOf(lease.job) };
  }

  @Post(':name/pause')
  @HttpCode(200)
  async pause(@Param('name') name: string): Promise<QueueStatus> {
    this.#assertKnown(name);
    await this.queues.pause(name);
    return this.queues.status(name);
  }

  @Post(':name/resume')
  @HttpCode(200)
  async resume(@Param('name') name: string): Promise<QueueStatus> {
    this.#assertKnown(name);
    await this.queues.resume(name);
    return this.queues.status(name);
  }

  @Post(':name/clean')
  @HttpCode(200)
  async clean(
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<{ readonly removed: number }> {
    this.#assertKnown(name);
    return { removed: await this.queues.clean(name, parseClean(body)) };
  }

  /** Jobs that failed for good. */
  @Get(':name/dead')
  async dead(
    @Param('name') name: string,
    @Query() query: unknown,
  ): Promise<{ readonly jobs: readonly JobBody[] }> {
    this.#assertKnown(name);
    const { state: _always, ...range } = parseList(query);
    return { jobs: (await this.queues.jobs(name, 'failed', range)).map(jobBodyOf) };
  }

  /** Runs a job again that failed for good; any other is not among the dead. */
  @Post(':name/dead/:id/replay')
  @HttpCode(200)
  async replay(@Param('name') name: string, @Param('id') id: string): Promise<JobAnswer> {
    this.#assertKnown(name);
    const outcome = await this.queues.retry(name, id);
    if (outcome !== 'retried') unknownJob(id);
    return { id, outcome };
  }

  #assertKnown(name: string): void {
    try {
      this.queues.assertKnown(name);
    } catch (error) {
      if (!(error instanceof QueueUnknownError)) throw error;
      throw new NotFoundException(`There is no queue "${name}".`, { cause: error });
    }
  }
}

function unknownJob(id: string): never {
  throw new NotFoundException(`There is no such job: "${id}".`);
}
