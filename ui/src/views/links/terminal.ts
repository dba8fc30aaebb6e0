import type { TerminalLink } from "$domain/terminal/terminals.svelte";
import { commands } from "$shared/bindings";
import { Channel } from "@tauri-apps/api/core";
import { follow } from "./streams";

/** Shells in the real containers. */
export const terminalLink: TerminalLink = (id, { columns, rows }, hear) => {
  let number = 0;
  const stream = follow((own) => {
    number = own;
    const output = new Channel<string>((text) => hear(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))));
    return commands.openTerminal(own, id, columns, rows, output);
  });
  // One key after the other: each waits until the one before has gone.
  let before: Promise<unknown> = Promise.resolve();
  return {
    ...stream,
    write: (text) => void (before = before.then(() => commands.writeTerminal(number, text))),
    resize: (wide, high) => void commands.resizeTerminal(number, wide, high),
  };
};
