import { expect, test } from "vitest";
import { commandLine, quoted, words } from "./command-line";

test("a line has only what is given, and words are quoted where a shell needs it", () => {
  const shape = { image: "nginx:1.27", name: "web", publish: ["8080:80"], env: ["A=it's $HOME"], restart: "no" };
  expect(commandLine(shape)).toBe(`docker run -d --name web -p 8080:80 -e 'A=it'\\''s $HOME' nginx:1.27`);
  expect(commandLine({ image: "x", command: ["sh", "-c", "a && b"] })).toBe("docker run -d x sh -c 'a && b'");
});

test.each([
  [`sh -c "a && b"`, ["sh", "-c", "a && b"]],
  [`  one   two `, ["one", "two"]],
  [`'it'\\''s' ""`, ["it's", ""]],
  [`a\\ b`, ["a b"]],
  ["", []],
])("%j is its words", (line, found) => {
  expect(words(line)).toEqual(found);
});

test("what is quoted comes apart as it was", () => {
  for (const word of ["plain", "with space", "it's", "$x`y`", "", "한글 이름"])
    expect(words(quoted(word))).toEqual([word]);
});
