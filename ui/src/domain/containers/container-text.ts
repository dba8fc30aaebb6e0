import type { ContainerRow, ContainerState, PortRow, Stage } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Tone } from "$shared/ui/StateDot.svelte";

const states: Record<ContainerState, () => string> = {
  created: m.state_created,
  running: m.state_running,
  paused: m.state_paused,
  restarting: m.state_restarting,
  removing: m.state_removing,
  exited: m.state_exited,
  dead: m.state_dead,
};

export const stages: Record<Stage, () => string> = {
  machine: m.stage_machine,
  image: m.stage_image,
  container: m.stage_container,
  page: m.stage_page,
};

/** The exit code in docker's status text, such as `Exited (137) 2 minutes ago`. */
function exitCode(status: string): number | undefined {
  const code = /^Exited \((\d+)\)/.exec(status)?.[1];
  return code === undefined ? undefined : Number(code);
}

/** The state for people; a failure with its exit code. */
export function stateText(row: ContainerRow): string {
  const code = row.state === "exited" ? exitCode(row.status) : undefined;
  return code ? m.state_exited_code({ code }) : states[row.state]();
}

export function stateTone(row: ContainerRow): Tone {
  switch (row.state) {
    case "running":
      return "good";
    case "restarting":
    case "removing":
      return "busy";
    case "dead":
      return "bad";
    case "exited":
      return exitCode(row.status) ? "bad" : "idle";
    case "created":
    case "paused":
      return "idle";
  }
}

/** `8080:80` for a published port, `80` for one that is only exposed; a protocol besides TCP is named. */
export function portText(port: PortRow): string {
  const both = port.host_port === null ? `${port.container_port}` : `${port.host_port}:${port.container_port}`;
  return port.protocol === "tcp" ? both : `${both}/${port.protocol}`;
}

/** As docker abbreviates an id. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
