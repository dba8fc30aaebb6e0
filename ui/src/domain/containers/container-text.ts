import type { ContainerRow, ContainerState, PortRow, Stage } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Tone } from "$shared/ui/StateDot.svelte";
import type { Work } from "./containers.svelte";

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

const works: Record<Work, () => string> = {
  start: m.work_start,
  stop: m.work_stop,
  restart: m.work_restart,
  pause: m.work_pause,
  unpause: m.work_unpause,
  kill: m.work_kill,
  remove: m.work_remove,
};

/** What is being done, at once when it was asked for. */
export function workText(work: Work): string {
  return works[work]();
}

/** How a container says it is. */
export type Health = "healthy" | "unhealthy" | "starting";

const healths: Record<Health, () => string> = {
  healthy: m.health_healthy,
  unhealthy: m.health_unhealthy,
  starting: m.health_starting,
};

/** Told in docker's status text, such as `Up 3 minutes (healthy)`; nothing without a health check. */
export function health(row: ContainerRow): Health | undefined {
  const word = /\((healthy|unhealthy|health: starting)\)$/.exec(row.status)?.[1];
  return word === "health: starting" ? "starting" : (word as Health | undefined);
}

export function healthText(health: Health): string {
  return healths[health]();
}

export function stateTone(row: ContainerRow): Tone {
  switch (row.state) {
    case "running":
      return health(row) === "unhealthy" ? "bad" : health(row) === "starting" ? "busy" : "good";
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
