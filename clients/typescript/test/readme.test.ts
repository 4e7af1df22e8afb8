import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;

test("the code of the README compiles", { timeout: 60_000 }, () => {
  expect(compile(blocks())).toEqual([]);
});

test("an error in the code of the README is found", { timeout: 60_000 }, () => {
  expect(compile(`${blocks()}\nme.data.nosuch;`).join()).toContain("Property 'nosuch' does not exist");
});

/** Returns the TypeScript of the README, as one module. */
function blocks(): string {
  const readme = readFileSync(`${root}README.md`, "utf8");
  const found = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]);
  expect(found).toHaveLength(5);
  return found.join("\n");
}

/** Returns the compiler's messages for a module beside the README, with the options of this package. */
function compile(code: string): string[] {
  const file = `${root}README.ts`;
  const compilerOptions = { paths: { "@konstruct/client": ["./src/index.ts"] } };
  const config = { extends: "./tsconfig.json", compilerOptions, files: [file] };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (name) => (name === file ? code : readFile(name));
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, language, ...rest) =>
    name === file ? ts.createSourceFile(name, code, language) : getSourceFile(name, language, ...rest);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
}
