import { median, spread } from './statistics.mjs';
import { brief, table } from './table.mjs';

/**
 * A row a contender, a column a figure, as median of the rounds with the smallest and largest value.
 * Ours, which is the one that is compared `against` peers, holds the bar or misses it; the figures of
 * the others are told as multiples of it, of the same round.
 */
export function contentionTable({ figures, contenders }, rounds) {
  const ours = contenders.find(({ against }) => against !== undefined);
  const columns = figures.map(({ name, title, bar }) => ({
    title: `${title} (bar: ${bar})`,
    right: true,
    cell: ({ id }) => {
      const found = rounds.map((round) => round[id].figures[name]);
      if (id === ours?.id)
        return `${format(found)} ${median(found) <= bar ? 'held' : '**missed**'}`;
      if (ours === undefined) return format(found);
      const times = median(rounds.map((round, at) => found[at] / round[ours.id].figures[name]));
      return `${format(found)} **${times.toFixed(1)}×**`;
    },
  }));
  return table([{ title: '', cell: ({ title }) => title }, ...columns], contenders);
}

function format(found) {
  const { median: middle, min, max } = spread(found);
  return `${brief(middle)} (${brief(min)}–${brief(max)})`;
}
