import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const src = (folder: string) => fileURLToPath(new URL(`./src/${folder}`, import.meta.url));

/**
 * The window freezes `Object.prototype`, and an assignment to what a frozen prototype has is refused: xterm.js gives one
 * of its objects a `toString` that way. It is defined instead, and a version that does otherwise stops the build.
 */
const unfrozen: Plugin = {
  name: "unfrozen",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("/@xterm/xterm/lib/") || !/\.m?js(\?|$)/.test(id)) return undefined;
    const assigned = /\b([\w$]+)\.toString=([\w$]+);/g;
    if (!assigned.test(code)) throw new Error("xterm.js assigns no toString any more: take the plugin out");
    return { code: code.replace(assigned, 'Object.defineProperty($1,"toString",{value:$2});'), map: null };
  },
};

export default defineConfig({
  plugins: [unfrozen, svelte()],
  // A library that the server bundles itself is not transformed.
  optimizeDeps: { exclude: ["@xterm/xterm"] },
  resolve: {
    alias: { $shared: src("shared"), $domain: src("domain"), $views: src("views") },
    // Tests mount components, so they need Svelte's client build.
    ...(process.env.VITEST ? { conditions: ["browser"] } : {}),
  },
  // The window is served from the program itself: no source of ours is fetched over a network.
  base: "./",
  clearScreen: false,
  server: { port: 5173, strictPort: true, host: "127.0.0.1" },
  build: {
    target: ["es2022", "safari15", "chrome105"],
    // A data: URL would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
});
