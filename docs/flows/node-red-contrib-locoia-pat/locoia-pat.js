// Nodes for Node-RED that call the actions of `locoia-pat serve`.
"use strict";

const { createHash } = require("node:crypto");

const BRANCHES = { done: 0, not_done: 1, unknown: 2, not_stored: 2, refused: 3, invalid: 3 };
const RESPONSE_MS = 180_000; // the server ends a call by itself before

module.exports = function (RED) {
  function ServerNode(config) {
    RED.nodes.createNode(this, config);
    this.url = (config.url || "").replace(/\/+$/, "");
  }
  RED.nodes.registerType("locoia-pat-server", ServerNode, { credentials: { key: { type: "password" } } });

  /** Send a request with the key of a server; the key leaves this function only in that request. */
  function send(server, path, options = {}) {
    const headers = { Authorization: `Bearer ${server.credentials.key}`, ...options.headers };
    return fetch(server.url + path, { redirect: "error", signal: AbortSignal.timeout(RESPONSE_MS), ...options, headers });
  }

  /** Call an action once. Without an envelope it may have happened or not: the same key makes a retry safe. */
  async function call(server, action, inputs, key) {
    const headers = { "Content-Type": "application/json", ...(key && { "Idempotency-Key": key }) };
    try {
      const response = await send(server, `/v1/actions/${action}`, { method: "POST", headers, body: JSON.stringify(inputs) });
      const envelope = await response.json();
      if (envelope.outcome in BRANCHES) {
        return { envelope, status: response.status, wait: Number(response.headers.get("retry-after")) };
      }
      return { message: `status ${response.status} without an envelope`, status: response.status };
    } catch (error) {
      return { message: error.cause?.message || error.message };
    }
  }

  function ActionNode(config) {
    RED.nodes.createNode(this, config);
    const server = RED.nodes.getNode(config.server);
    const attempts = Number(config.attempts) || 1;
    const pauses = new Map(); // timers, and what ends their pause
    this.on("input", async (msg, send_, done) => {
      const inputs = { ...config.values, ...msg.inputs };
      // Messages of one run can share an ID, so the inputs are a part of the key; a retry has the same.
      const digest = createHash("sha256").update(JSON.stringify([this.id, inputs])).digest("hex").slice(0, 16);
      const key = config.reads ? undefined : `node-red-${msg._msgid}-${digest}`;
      let result = { message: "no server is chosen", wait: 0 };
      for (let attempt = 1; server && attempt <= attempts; attempt += 1) {
        this.status({ fill: "blue", shape: "dot", text: `attempt ${attempt}` });
        result = await call(server, config.action, inputs, key);
        if (attempt === attempts || (result.envelope && result.envelope.outcome !== "not_done")) {
          break;
        }
        const seconds = Math.min(result.wait || config.wait, config.wait);
        this.status({ fill: "yellow", shape: "ring", text: `next attempt in ${seconds} s` });
        const isStopped = await new Promise((resolve) => {
          const timer = setTimeout(() => { pauses.delete(timer); resolve(false); }, seconds * 1000);
          pauses.set(timer, resolve);
        });
        if (isStopped) {
          break;
        }
      }
      msg.statusCode = result.status;
      msg.payload = result.envelope ?? { outcome: "unknown", error: { code: "unknown", message: result.message } };
      const { outcome } = msg.payload;
      const output = [null, null, null, null];
      output[BRANCHES[outcome]] = msg;
      this.status({ fill: outcome === "done" ? "green" : "red", shape: "dot", text: outcome });
      send_(output);
      done();
    });
    this.on("close", () => {
      for (const [timer, resolve] of pauses) {
        clearTimeout(timer);
        resolve(true);
      }
    });
  }
  RED.nodes.registerType("locoia-pat", ActionNode);

  // The editor gets the forms from here, so that the key stays in the runtime. Only a deployed server is asked.
  async function describe(request, response) {
    const server = RED.nodes.getNode(request.params.server);
    if (server?.type !== "locoia-pat-server") {
      response.status(404).json({ error: { message: "Deploy the server first." } });
      return;
    }
    try {
      const name = request.params.action ? `/${encodeURIComponent(request.params.action)}` : "";
      const described = await send(server, `/v1/actions${name}`);
      response.status(described.ok ? 200 : 502).json(await described.json());
    } catch (error) {
      response.status(502).json({ error: { message: error.cause?.message || error.message } });
    }
  }
  const permission = RED.auth.needsPermission("locoia-pat.read");
  RED.httpAdmin.get("/locoia-pat/:server/actions", permission, describe);
  RED.httpAdmin.get("/locoia-pat/:server/actions/:action", permission, describe);
};
