import { expect, test } from "vitest";
import { dockerRun } from "./docker-run";

test("a container is told as the command that makes another such one", () => {
  const line = dockerRun({
    Id: "0123456789abcdef",
    Name: "/web",
    Config: {
      Image: "nginx:1.27",
      Hostname: "0123456789ab",
      Env: ["PATH=/usr/bin", "A=b c"],
      Cmd: ["nginx", "-g", "daemon off;"],
      Labels: { app: "shop" },
    },
    HostConfig: {
      PortBindings: {
        "80/tcp": [{ HostIp: "", HostPort: "8080" }],
        "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
      },
      Binds: ["data:/data"],
      Memory: 64 * 2 ** 20,
      NanoCpus: 1.5e9,
      PidsLimit: null,
      NetworkMode: "default",
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
    },
  });
  expect(line).toBe(
    "docker run -d --name web -p 8080:80 -p 127.0.0.1:53:53/udp -e 'A=b c' -v data:/data -l app=shop -m 64m " +
      "--cpus 1.5 --restart on-failure:3 nginx:1.27 nginx -g 'daemon off;'",
  );
});

test("what is missing or of another shape is left out", () => {
  expect(dockerRun({ Config: { Image: "x", Env: null, Labels: [] }, HostConfig: { PortBindings: "no" } })).toBe(
    "docker run -d x",
  );
});
