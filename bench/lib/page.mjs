const ALL = /(<!-- bench:start[^\n]*-->\n)([\s\S]*?)(<!-- bench:end -->)/;
const SECTION = /<!-- bench:node-(\d+):start -->\n[\s\S]*?<!-- bench:node-\1:end -->/g;

/**
 * The page with the section of one Node major replaced or added, the newest first; those of other
 * majors stay as they are, letter by letter.
 *
 * @throws Error when the page has no place for sections
 */
export function withSection(page, major, markdown) {
  const [all, start, before, end] = ALL.exec(page) ?? [];
  if (all === undefined) throw new Error('The page has no bench:start and bench:end markers.');
  const sections = new Map(
    [...before.matchAll(SECTION)].map(([text, found]) => [Number(found), text]),
  );
  sections.set(major, section(major, markdown));
  const sorted = [...sections].toSorted(([a], [b]) => b - a).map(([, text]) => text);
  return page.replace(all, () => `${start}\n${sorted.join('\n\n')}\n\n${end}`);
}

function section(major, markdown) {
  return (
    `<!-- bench:node-${major}:start -->\n\n## Results on Node ${major}\n\n${markdown}\n\n` +
    `<!-- bench:node-${major}:end -->`
  );
}
