// A node for n8n that calls the actions of `locoia-pat serve`.
"use strict";

const { createHash } = require("node:crypto");
const { setTimeout: pause } = require("node:timers/promises");

const BRANCHES = { done: 0, not_done: 1, unknown: 2, not_stored: 2, refused: 3, invalid: 3 };
const RESPONSE_MS = 180_000; // the server ends a call by itself before
const TYPES = { number: "number", switch: "boolean", select: "options", text: "string", password: "string" };

const REFERENCE = "ref:"; // in front of a field whose value is a reference to a secret

/** Return the inputs in the fields of the form; what is empty is left out. */
function inputsOf(fields) {
  const filled = Object.entries(fields ?? {}).filter(([, value]) => value !== null && value !== "");
  return Object.fromEntries(filled.map(([id, value]) => (
    id.startsWith(REFERENCE) ? [id.slice(REFERENCE.length), { $ref: value }] : [id, value]
  )));
}

/** Send a request with the key of the credential. */
async function send(context, options) {
  const { url } = await context.getCredentials("locoiaPatApi");
  return await context.helpers.httpRequestWithAuthentication.call(context, "locoiaPatApi", {
    json: true, returnFullResponse: true, ignoreHttpStatusErrors: true, disableFollowRedirect: true, timeout: RESPONSE_MS,
    ...options, url: url.replace(/\/+$/, "") + options.url,
  });
}

/** Return what the server says of its actions, or of one. */
async function describe(context, path = "") {
  const response = await send(context, { method: "GET", url: `/v1/actions${path}` });
  if (response.statusCode !== 200) {
    throw new Error(response.body?.error?.message || `The server responded with status ${response.statusCode}.`);
  }
  return response.body;
}

/** Call an action once. Without an envelope it may have happened or not: the same key makes a retry safe. */
async function call(context, action, body, key) {
  const headers = { "Idempotency-Key": key };
  try {
    const response = await send(context, { method: "POST", url: `/v1/actions/${action}`, headers, body });
    if (response.body?.outcome in BRANCHES) {
      return { envelope: response.body, wait: Number(response.headers["retry-after"]) };
    }
    return { message: `status ${response.statusCode} without an envelope` };
  } catch (error) {
    return { message: error.message };
  }
}

class LocoiaPat {
  description = {
    displayName: "Locoia PAT",
    name: "locoiaPat",
    icon: "fa:key",
    group: ["transform"],
    version: 1,
    subtitle: '={{ $parameter["action"] }}',
    description: "Calls an action of locoia-pat serve. No token is ever in an item: the server stores it.",
    defaults: { name: "Locoia PAT" },
    inputs: ["main"],
    outputs: ["main", "main", "main", "main"],
    outputNames: ["Done", "Later", "Look", "Change"],
    credentials: [{ name: "locoiaPatApi", required: true }],
    properties: [
      {
        displayName: "Action", name: "action", type: "options", default: "ensure_pat", noDataExpression: true,
        typeOptions: { loadOptionsMethod: "actions" },
      },
      {
        displayName: "Inputs", name: "inputs", type: "resourceMapper", noDataExpression: true,
        default: { mappingMode: "defineBelow", value: null },
        typeOptions: {
          loadOptionsDependsOn: ["action"],
          resourceMapper: {
            resourceMapperMethod: "fields", mode: "add", addAllFields: false, supportAutoMap: false,
            fieldWords: { singular: "input", plural: "inputs" },
          },
        },
      },
      { displayName: "Attempts", name: "attempts", type: "number", default: 5, typeOptions: { minValue: 1 } },
      { displayName: "Wait (Seconds)", name: "wait", type: "number", default: 60, description: "Between two attempts; a shorter Retry-After is obeyed" },
    ],
  };

  methods = {
    loadOptions: {
      async actions() {
        const { actions } = await describe(this);
        return actions.map(({ action, summary }) => ({ name: action, value: action, description: summary }));
      },
    },
    resourceMapping: {
      async fields() {
        const described = await describe(this, `/${encodeURIComponent(this.getNodeParameter("action"))}`);
        const form = Object.entries(described.ui_form_schema);
        if (described.effect !== "read") {
          form.push(["token_to", { title: "Token store", type: "text" }]);
        }
        return {
          fields: form.map(([id, field]) => ({
            id: field.type === "password" ? `${REFERENCE}${id}` : id,
            displayName: field.title + (field.type === "password" ? " (a reference, such as file:/PATH)" : ""),
            required: Boolean(field.required),
            type: field.multiple ? "array" : TYPES[field.type],
            ...(field.enum && !field.multiple && { options: field.enum.map((each) => ({ name: each, value: each })) }),
            display: true,
            defaultMatch: false,
            canBeUsedToMatch: false,
          })),
        };
      },
    },
  };

  async execute() {
    const outputs = [[], [], [], []];
    for (let item = 0; item < this.getInputData().length; item += 1) {
      const action = this.getNodeParameter("action", item);
      const inputs = inputsOf(this.getNodeParameter("inputs.value", item, {}));
      const own = JSON.stringify([this.getNode().id, item, inputs]);
      const digest = createHash("sha256").update(own).digest("hex").slice(0, 16);
      const key = `n8n-${this.getWorkflow().id}-${this.getExecutionId()}-${digest}`;
      const attempts = this.getNodeParameter("attempts", item);
      const wait = this.getNodeParameter("wait", item);
      let result;
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        result = await call(this, action, inputs, key);
        if (attempt === attempts || (result.envelope && result.envelope.outcome !== "not_done")) {
          break;
        }
        const signal = this.getExecutionCancelSignal?.();
        await pause(Math.min(result.wait || wait, wait) * 1000, undefined, { signal });
      }
      const json = result.envelope ?? { outcome: "unknown", error: { code: "unknown", message: result.message } };
      outputs[BRANCHES[json.outcome]].push({ json, pairedItem: { item } });
    }
    return outputs;
  }
}

module.exports = { LocoiaPat };
