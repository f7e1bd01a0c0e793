/**
 * What the nodes need around them: a Redis of their own, and nginx before them.
 *
 * Rule: both run from a temporary folder, on the loopback address and on ports above 1024; nothing that is installed is changed.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NODES } from "./names.ts";
import { Part } from "./part.ts";
import { PING_INTERVAL_MS, PING_TIMEOUT_MS } from "./settings.ts";

/** Debian's user "nobody". nginx has no need to be root; where we are, it is not. */
const NOBODY = 65_534;

/** Where a program is, if it is installed. */
export function find(program: "redis-server" | "nginx"): string | undefined {
  // Debian keeps nginx where the path of an ordinary user does not lead.
  const places = [program, `/usr/sbin/${program}`];
  return places.find((place) => spawnSync(place, ["-v"], { stdio: "ignore" }).status === 0);
}

/** A Redis that keeps what it acknowledged when it is killed. */
export function redisServer(program: string, folder: string, port: number): Part {
  const dir = join(folder, "redis");
  mkdirSync(dir);
  const words = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--logfile", "redis.log"];
  const kept = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"];
  return new Part("redis", port, () => spawn(program, [...words, ...kept], { stdio: "ignore" }));
}

/** The load balancer, from the template that containers use too. */
export function nginx(
  program: string,
  folder: string,
  ports: { readonly listen: number; readonly page: number; readonly nodes: readonly number[] },
): Part {
  const dir = join(folder, "nginx");
  mkdirSync(dir);
  const at = (port: number | undefined) => `127.0.0.1:${port}`;
  const values: Record<string, string> = {
    LISTEN: at(ports.listen),
    PAGE: at(ports.page),
    READ_TIMEOUT: `${PING_INTERVAL_MS + PING_TIMEOUT_MS}ms`,
    ...Object.fromEntries(NODES.map((name, i) => [`NODE_${name}`, at(ports.nodes[i])])),
  };
  const template = readFileSync(new URL("nginx.conf.template", import.meta.url), "utf8");
  writeFileSync(
    join(dir, "site.conf"),
    template.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? ""),
  );
  writeFileSync(join(dir, "nginx.conf"), MAIN);
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  // Its own files, which it makes and removes there; and the way to them.
  if (user.uid) for (const path of [folder, dir]) chownSync(path, NOBODY, NOBODY);
  const start = (): ChildProcess =>
    spawn(program, ["-p", `${dir}/`, "-c", join(dir, "nginx.conf")], { stdio: "ignore", ...user });
  return new Part("nginx", ports.listen, start);
}

/** What containers have from their image. */
const MAIN = `daemon off;
pid nginx.pid;
error_log error.log warn;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}
`;
