// The examples show the address this page came from, whatever host, port or proxy stands before the server.
const address = new URL(".", location.href).href.replace(/\/$/, "");
for (const place of document.querySelectorAll(".address")) place.textContent = address;
