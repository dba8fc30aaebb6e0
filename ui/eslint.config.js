import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
    { ignores: ["dist/", "node_modules/", "project.inlang/", "src/shared/messages/", "src/shared/bindings.ts"] },
    js.configs.recommended,
    ...ts.configs.strict,
    ...svelte.configs.recommended,
    { languageOptions: { globals: { ...globals.browser } } },
    { files: ["scripts/**", "*.config.*"], languageOptions: { globals: { ...globals.node } } },
    {
        files: ["**/*.svelte", "**/*.svelte.ts"],
        languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
    },
    {
        rules: {
            eqeqeq: "error",
            "no-console": "error",
            // Text from the engine is never markup.
            "svelte/no-at-html-tags": "error",
            "svelte/button-has-type": "error",
        },
    },
);
