import { OperationContender } from './operation-contender.mjs';
import { shareOfMachine } from './quiet.mjs';
import { round } from './redis-work.mjs';
import { median } from './statistics.mjs';

/** Who polls takes its time. */
const PATIENCE_MS = 120_000;

/** A process in which many want the same thing. A slice of it is as long as that takes. */
export class ContentionContender extends OperationContender {
  warmUp(seconds) {
    return this.ask({ task: 'warmUp', seconds }, seconds * 1_000 + PATIENCE_MS);
  }

  run(seconds) {
    return this.ask({ task: 'run', seconds }, seconds * 1_000 + PATIENCE_MS);
  }

  /** The medians of each figure. */
  summary(slices) {
    const total = (field) => slices.reduce((sum, slice) => sum + slice[field], 0);
    const names = Object.keys(slices[0].figures);
    const figure = (name) => round(median(slices.map(({ figures }) => figures[name])), 3);
    const seconds = total('seconds');
    return {
      id: this.contender.id,
      figures: Object.fromEntries(names.map((name) => [name, figure(name)])),
      count: total('count'),
      seconds: round(seconds, 2),
      cpuShare: round(total('cpuMicros') / (seconds * 1e6), 3),
      disturbance: round(shareOfMachine(total('foreignMicros'), seconds), 3),
    };
  }
}
