/**
 * The page in a container of its own, without buttons.
 *
 * Rule: it is the same page server that the command starts.
 */
import { servePage } from "./page-server.ts";
import { number, required } from "./settings.ts";

await servePage({
  host: process.env.HOST || "127.0.0.1",
  port: number("PORT", 3000),
  redisUrl: required("REDIS_URL"),
});
