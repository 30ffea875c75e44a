// The URL of `locoia-pat serve` and a key for it.
"use strict";

class LocoiaPatApi {
  name = "locoiaPatApi";
  displayName = "Locoia PAT server";
  properties = [
    { displayName: "URL", name: "url", type: "string", default: "", placeholder: "https://flows.example", required: true },
    { displayName: "Key", name: "key", type: "string", typeOptions: { password: true }, default: "", required: true },
  ];
  authenticate = { type: "generic", properties: { headers: { Authorization: "=Bearer {{$credentials.key}}" } } };
  test = { request: { baseURL: "={{$credentials.url}}", url: "/v1/actions" } };
}

module.exports = { LocoiaPatApi };
