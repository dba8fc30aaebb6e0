// Turns messages/*.json into typed functions in src/shared/messages.
import { webcrypto } from "node:crypto";

// Node 18 keeps the Web Crypto object out of the global scope; the compiler expects it there.
globalThis.crypto ??= webcrypto;

const { compile } = await import("@inlang/paraglide-js");

await compile({
    project: "./project.inlang",
    outdir: "./src/shared/messages",
    strategy: ["globalVariable", "baseLocale"],
    isServer: "false",
});
