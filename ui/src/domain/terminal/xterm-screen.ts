import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { adoptStyles } from "./adopt-styles";
import type { Screen } from "./terminals.svelte";

const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

/** The colours of tokens.css as they are now. */
function theme(): ITheme {
  const styles = getComputedStyle(document.documentElement);
  const token = (name: string) => styles.getPropertyValue(`--${name}`).trim();
  const colors = names.flatMap((name, at) => [
    [name, token(`ansi-${at}`)],
    [`bright${name.charAt(0).toUpperCase()}${name.slice(1)}`, token(`ansi-${at + 8}`)],
  ]);
  return {
    ...(Object.fromEntries(colors) as ITheme),
    background: token("surface"),
    foreground: token("text"),
    cursor: token("accent"),
    cursorAccent: token("surface"),
    selectionBackground: token("accent-soft"),
    selectionForeground: token("on-accent-soft"),
  };
}

/** A terminal by xterm.js. It keeps its element, so that it can leave the page and come back. */
export function xtermScreen(): Screen {
  const element = document.createElement("div");
  element.className = "xterm-holder";
  const terminal = new Terminal({
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--font-mono").trim(),
    fontSize: 13,
    cursorBlink: true,
    scrollback: 10_000,
    theme: theme(),
    // A screen reader hears what is written.
    screenReaderMode: true,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  const drop = adoptStyles(element);
  terminal.open(element);
  const looks = new MutationObserver(() => (terminal.options.theme = theme()));
  looks.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return {
    element,
    get size() {
      return { columns: terminal.cols, rows: terminal.rows };
    },
    write: (bytes) => terminal.write(bytes),
    onKeys: (hear) => void terminal.onData(hear),
    onSize: (hear) => void terminal.onResize(({ cols, rows }) => hear(cols, rows)),
    fit: () => fit.fit(),
    focus: () => terminal.focus(),
    dispose: () => {
      looks.disconnect();
      drop();
      terminal.dispose();
    },
  };
}
