/**
 * The other page: the socket is made in an effect.
 *
 * Rule: rendered in Strict Mode.
 */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { AppWithEffect } from "./app-with-effect.tsx";
import "./style.css";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <AppWithEffect />
  </StrictMode>,
);
