import type { Code } from "./bindings";
import { m } from "./messages/messages.js";

const causes: Record<Code, () => string> = {
  "machine-stopped": m.problem_machine_stopped,
  "machine-failed": m.problem_machine_failed,
  "hypervisor-missing": m.problem_hypervisor_missing,
  "guest-image-missing": m.problem_guest_image_missing,
  "guest-image-damaged": m.problem_guest_image_damaged,
  "data-disk": m.problem_data_disk,
  "boot-timeout": m.problem_boot_timeout,
  "daemon-unreachable": m.problem_daemon_unreachable,
  "daemon-failed": m.problem_daemon_failed,
  "home-unusable": m.problem_home_unusable,
  "port-in-use": m.problem_port_in_use,
  "not-found": m.problem_not_found,
  conflict: m.problem_conflict,
  "invalid-argument": m.problem_invalid_argument,
  registry: m.problem_registry,
  engine: m.problem_engine,
  io: m.problem_io,
  timeout: m.problem_timeout,
  "browser-missing": m.problem_browser_missing,
};

/** The kind of failure as a sentence in the window's language. The host's own sentence tells the particulars. */
export function cause(code: Code): string {
  return causes[code]();
}
