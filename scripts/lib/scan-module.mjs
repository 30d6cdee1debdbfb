import { isBuiltin } from 'node:module';
import ts from 'typescript';

/**
 * Reads what one compiled file (`.js` or `.d.ts`) asks of others.
 *
 * `eager`: packages loaded with the file itself; `lazy`: packages loaded by `import()`, `require()`
 * or named in a type; `literals`: every other string, since a loader may get a name as an argument;
 * `sideEffects`: own files imported for their effects alone; `isInert`: loading the file does
 * nothing (it held types only); `topLevelAwaits`: line numbers.
 */
export function scanModule(fileName, text) {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const found = {
    eager: new Set(),
    lazy: new Set(),
    literals: new Set(),
    sideEffects: [],
    isInert: source.statements.every(isEmptyExport),
    topLevelAwaits: [],
  };
  visit(source, false);
  return found;

  function visit(node, insideFunction) {
    record(node, found);
    if (isAwait(node) && !insideFunction) found.topLevelAwaits.push(lineOf(source, node));
    const inside = insideFunction || ts.isFunctionLike(node);
    ts.forEachChild(node, (child) => visit(child, inside));
  }
}

function record(node, found) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const specifier = node.moduleSpecifier?.text;
    addPackage(found.eager, specifier);
    const isBare = ts.isImportDeclaration(node) && node.importClause === undefined;
    if (isBare && specifier.startsWith('.')) found.sideEffects.push(specifier);
  } else if (isLoad(node)) {
    addPackage(found.lazy, node.arguments[0].text);
  } else if (ts.isImportTypeNode(node)) {
    addPackage(found.lazy, node.argument.literal.text);
  } else if (ts.isStringLiteral(node)) {
    found.literals.add(node.text);
  }
}

/** `import('x')`, `require('x')` and `require.resolve('x')`. */
function isLoad(node) {
  if (!ts.isCallExpression(node) || !node.arguments[0] || !ts.isStringLiteral(node.arguments[0])) {
    return false;
  }
  const callee = node.expression;
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword || /^require(\.resolve)?$/.test(callee.getText())
  );
}

/** `export {}`, all that is left of a file of types. */
function isEmptyExport(node) {
  return (
    ts.isExportDeclaration(node) &&
    node.moduleSpecifier === undefined &&
    node.exportClause?.elements?.length === 0
  );
}

function isAwait(node) {
  if (ts.isAwaitExpression(node)) return true;
  if (ts.isForOfStatement(node)) return node.awaitModifier !== undefined;
  return (
    ts.isVariableDeclarationList(node) &&
    (node.flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing
  );
}

/**
 * Adds the package of a bare specifier: `@nestjs/core/x` → `@nestjs/core`; own files and Node's are
 * skipped.
 */
function addPackage(names, specifier) {
  if (specifier === undefined || specifier.startsWith('.') || isBuiltin(specifier)) return;
  const parts = specifier.split('/');
  names.add(parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/'));
}

function lineOf(source, node) {
  return source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}
