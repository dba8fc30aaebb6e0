import type { BootStep, StepState } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Tone } from "$shared/ui/StateDot.svelte";
import type { Phase } from "./machine.svelte";

interface PhaseText {
  state: () => string;
  title: () => string;
  text: () => string;
  tone: Tone;
}

export const phases: Record<Phase, PhaseText> = {
  connecting: {
    state: m.machine_state_connecting,
    title: m.machine_title_connecting,
    text: m.machine_text_connecting,
    tone: "busy",
  },
  unreachable: {
    state: m.machine_state_unreachable,
    title: m.machine_title_unreachable,
    text: m.machine_text_unreachable,
    tone: "bad",
  },
  stopped: {
    state: m.machine_state_stopped,
    title: m.machine_title_stopped,
    text: m.machine_text_stopped,
    tone: "idle",
  },
  starting: {
    state: m.machine_state_starting,
    title: m.machine_title_starting,
    text: m.machine_text_starting,
    tone: "busy",
  },
  running: {
    state: m.machine_state_running,
    title: m.machine_title_running,
    text: m.machine_text_running,
    tone: "good",
  },
  stopping: {
    state: m.machine_state_stopping,
    title: m.machine_title_stopping,
    text: m.machine_text_stopping,
    tone: "busy",
  },
  failed: { state: m.machine_state_failed, title: m.machine_title_failed, text: m.machine_text_failed, tone: "bad" },
};

export const stepStates: Record<StepState, () => string> = {
  waiting: m.step_waiting,
  running: m.step_running,
  done: m.step_done,
  failed: m.step_failed,
};

const stepNames = new Map<string, () => string>(
  Object.entries({
    image: m.step_name_image,
    disk: m.step_name_disk,
    vm: m.step_name_vm,
    kernel: m.step_name_kernel,
    modules: m.step_name_modules,
    network: m.step_name_network,
    engine: m.step_name_engine,
    api: m.step_name_api,
    // The guest's disk step mounts what the host's disk step has prepared.
    "guest-disk": m.step_name_mount,
  }),
);

/** A step for people; one of a newer host by the name it came with. */
export function stepName(step: BootStep): string {
  const name = stepNames.get(step.name) ?? stepNames.get(step.name.replace(/^guest-/, ""));
  return name?.() ?? step.name;
}

const accelerations = new Map<string, () => string>(
  Object.entries({
    kvm: m.acceleration_kvm,
    hvf: m.acceleration_hvf,
    "hyper-v": m.acceleration_hyper_v,
    emulation: m.acceleration_emulation,
  }),
);

export function accelerationName(kind: string): string {
  return accelerations.get(kind)?.() ?? kind;
}
