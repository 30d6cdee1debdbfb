/** Loads every entry of the installed library both ways, with no optional peer installed. */
const { exports: entries } = require('nest-backplane/package.json');

async function main() {
  for (const subpath of Object.keys(entries)) {
    if (subpath === './package.json') continue;
    const specifier = `nest-backplane${subpath.slice(1)}`;
    const required = Object.keys(require(specifier));
    const imported = Object.keys(await import(specifier));
    const missing = imported.filter((name) => !required.includes(name));
    if (required.length === 0) throw new Error(`${specifier} exports nothing`);
    if (missing.length > 0) throw new Error(`require('${specifier}') lacks ${missing.join(', ')}`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
