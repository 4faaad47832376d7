// Around Swagger UI: who asks, a fresh Idempotency-Key for each click, and the ids of the answers put into the next calls.

const AS = ["client", "reader", "admin"];
// whose id it is, by its prefix: the parameter that takes it
const ANSWERED = { dow_: "download_id", ord_: "order_id", prd_: "product_id", ses_: "session_id", str_: "stream_id", top_: "topup_id" };
const BASE = new URL(".", location.href).href.slice(0, -1); // where the API is: a stage has a prefix
const element = (id) => document.getElementById(id);

// --- who asks -------------------------------------------------------------------------------------------------------
// The local stack's link brings tokens behind the '#', which no browser sends to a server. They are taken on a loopback
// address only, so that no link can sign anybody in anywhere else. A tab keeps them until it is closed.

const people = kept("people", {});
let token = kept("token", "");
if (/^(127\.0\.0\.1|localhost|\[::1\])$/.test(location.hostname)) {
  const brought = new URLSearchParams(location.hash.slice(1));
  const found = AS.filter((name) => brought.has(name));
  for (const name of found) people[name] = brought.get(name);
  if (found.length) {
    history.replaceState(null, "", location.pathname + location.search);
    keep("people", people);
    token = people[found[0]];
  }
}

function kept(name, otherwise) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage may be forbidden; then a reload forgets.
  }
}

function show() {
  const choices = ["nobody", ...AS.filter((name) => people[name])];
  element("choices").replaceChildren(
    ...choices.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-pressed", String(token === (people[name] ?? "")));
      button.addEventListener("click", () => ask(people[name] ?? ""));
      return button;
    }),
  );
}

async function ask(as) {
  token = element("token").value = as;
  keep("token", token);
  show();
  if (!token) return say("Without a token, only public routes answer.");
  const answer = await fetch("v1/me", { headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (token !== as) return;
  const told = await answer?.json().catch(() => null);
  if (!answer?.ok) return say(`GET /v1/me: ${outcome(answer?.status ?? "no answer", told)}`, true);
  say(`You are ${told.display_name}, ${told.role}.`);
}

function say(text, refused = false) {
  element("said").textContent = text;
  element("said").classList.toggle("refused", refused);
}

function outcome(status, told) {
  return told?.code ? `${status} ${told.code}. ${told.detail}` : `${status}`;
}

// --- what is known --------------------------------------------------------------------------------------------------

const known = new Map(); // parameter or field → its newest value
const filled = new Map(); // where this page filled one in → which; what a person wrote there stays until there is a newer

function learn(value) {
  if (Array.isArray(value)) return value.toReversed().forEach(learn); // lists are newest first
  if (value === null || typeof value !== "object") return;
  Object.values(value).forEach(learn);
  const parameter = ANSWERED[String(value.id).slice(0, 4)];
  if (parameter) known.set(parameter, value.id);
  if (value.slug && value.id) known.set("slug", value.slug).set("reader", value.id);
  if (value.next_cursor) known.set("cursor", value.next_cursor);
  if (/^https?:/.test(value.checkout_url)) known.set("checkout_url", value.checkout_url);
}

function chip([name, value]) {
  const link = name === "checkout_url";
  const chip = document.createElement(link ? "a" : "button");
  chip.textContent = link ? "open the payment page ↗" : `${name} ${value}`;
  if (link) Object.assign(chip, { href: value, target: "_blank", rel: "noreferrer" });
  else Object.assign(chip, { type: "button", title: "Copy", onclick: () => copy(name, value) });
  return chip;
}

async function copy(name, value) {
  await navigator.clipboard.writeText(value);
  say(`${name} is in the clipboard.`);
}

function fill(ui, contract) {
  element("known").hidden = known.size === 0;
  element("known").replaceChildren(...[...known].map(chip));
  for (const [path, method, operation] of operations(contract)) {
    const place = [path, method];
    for (const parameter of ui.specSelectors.specJson().getIn(["paths", ...place, "parameters"], [])) {
      const name = parameter.get("name");
      if (parameter.get("in") === "path" && isNews(place, name))
        ui.specActions.changeParamByIdentity(place, parameter, known.get(name), false);
    }
    const body = contract.components.schemas[operation.requestBody?.content["application/json"].schema.$ref.split("/").pop()];
    if (body?.properties.reader && isNews(place, "reader")) {
      const written = ui.oas3Selectors.requestBodyValue(path, method) ?? JSON.stringify(body.examples[0], null, 2);
      const value = written.replace(/("reader"\s*:\s*)"[^"]*"/, (_, name) => name + JSON.stringify(known.get("reader")));
      ui.oas3Actions.setRetainRequestBodyValueFlag({ value: true, pathMethod: place });
      ui.oas3Actions.setRequestBodyValue({ value, pathMethod: place });
    }
  }
}

function isNews(place, name) {
  const where = [...place, name].join(" ");
  if (!known.has(name) || filled.get(where) === known.get(name)) return false;
  filled.set(where, known.get(name));
  return true;
}

// --- the contract ---------------------------------------------------------------------------------------------------

function* operations(contract) {
  for (const [path, methods] of Object.entries(contract.paths)) {
    for (const [method, operation] of Object.entries(methods)) yield [path, method, operation];
  }
}

function needs(operation, contract) {
  const listed = operation.security ?? contract.security;
  if (listed.some((each) => Object.keys(each).length === 0)) return "anybody";
  const roles = listed.flatMap((each) => each.bearer);
  return roles.length ? `a ${roles.join(" or a ")}` : "everybody signed in";
}

/** For the page: who may call in words, refusals by their codes alone, an Idempotency-Key that may be left empty, and
 *  the address that this page was read at. Returns the paths whose calls need a key. */
function prepared(contract) {
  const keyed = [];
  for (const path of Object.keys(contract.paths)) if (path.startsWith("/docs")) delete contract.paths[path];
  for (const [path, method, operation] of operations(contract)) {
    operation.summary = operation.summary.replaceAll("`", ""); // it is shown as it stands
    operation.description = `*For ${needs(operation, contract)}.* ${operation.description ?? ""}`;
    operation.parameters = operation.parameters?.map((parameter) => {
      if (!parameter.$ref?.endsWith("/IdempotencyKey")) return parameter;
      keyed.push(new RegExp(`${path.replace(/\{\w+\}/g, "[^/]+")}$`));
      const own = structuredClone(contract.components.parameters.IdempotencyKey);
      own.required = false;
      own.description = "Leave it empty: each click sends a fresh one. To repeat a request, write the one it sent.";
      return own;
    });
    for (const [status, answer] of Object.entries(operation.responses)) {
      const refusal = contract.components.responses[answer.$ref?.split("/").pop()];
      if (refusal) operation.responses[status] = { description: refusal.description }; // its shape is told above
    }
    delete operation.security;
  }
  delete contract.security;
  delete contract.components.securitySchemes;
  contract.servers = [{ url: BASE }];
  return keyed;
}

// Swagger UI resolves an operation when it is opened, and shows its button some time before: a click in between would be
// refused for want of a body that is not there yet, or fail. So the button waits for it.
const patient = {
  wrapComponents: {
    execute: (Execute, { React, specSelectors }) => (props) => {
      const resolved = specSelectors.specResolvedSubtree(["paths", props.path, props.method]);
      return React.createElement(Execute, { ...props, disabled: props.disabled || !resolved });
    },
  },
};

async function open() {
  const contract = await (await fetch("openapi.json")).json();
  const keyed = prepared(contract);
  const ui = SwaggerUIBundle({
    spec: contract,
    domNode: element("api"),
    plugins: [patient],
    deepLinking: true,
    docExpansion: "none", // 150 in sight would be too many: it would draw only those that are on the screen
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    requestInterceptor(request) {
      if (token) request.headers.Authorization = `Bearer ${token}`;
      if (request.method === "POST" && keyed.some((pattern) => pattern.test(new URL(request.url).pathname)))
        request.headers["Idempotency-Key"] ||= crypto.randomUUID();
      return request;
    },
    responseInterceptor(response) {
      let told = null;
      try {
        told = JSON.parse(response.text);
      } catch {
        // Not every answer is JSON.
      }
      say(`${response.url.slice(BASE.length)}: ${outcome(response.status, told)}`, !response.ok);
      if (response.ok) learn(told);
      fill(ui.getSystem(), contract);
      return response;
    },
  });
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();
element("token").addEventListener("change", () => ask(element("token").value.trim()));
ask(token);
open().catch(() => say("openapi.json could not be read. Reload the page.", true));
