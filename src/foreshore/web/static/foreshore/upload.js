// Sends a report in chunks with progress, and goes on where a chunk broke off; without it the form sends it whole.
(function () {
  "use strict";
  var SIZE = 4 << 20, TRIES = 5;
  function send(url, token, body, headers) {
    return fetch(url, { method: "POST", body: body, headers: Object.assign({ "X-CSRFToken": token }, headers || {}), credentials: "same-origin" });
  }
  async function whole(form, files) {
    var token = form.querySelector("[name=csrfmiddlewaretoken]").value, bar = form.querySelector("progress");
    var all = files.reduce(function (sum, one) { return sum + one.size; }, 0) || 1, sent = 0;
    var made = await send("/start/upload/new/", token);
    if (!made.ok) throw new Error("refused");
    var name = (await made.json()).upload;
    bar.hidden = false;
    for (var number = 0; number < files.length; number++) {
      var file = files[number], label = encodeURIComponent((files.length > 1 ? number + "-" : "") + file.name).slice(-200), at = 0, failed = 0;
      do {
        var part = file.slice(at, at + SIZE);
        try {
          var answer = await send("/start/upload/" + name + "/chunk/", token, part, {
            "Content-Range": "bytes " + at + "-" + Math.max(at, at + part.size - 1) + "/" + file.size,
            "X-File-Name": label, "Content-Type": "application/octet-stream"
          });
          if (!answer.ok) throw new Error("refused");
          at += part.size; sent += part.size; failed = 0;
          bar.value = sent / all;
        } catch (error) {
          if (++failed >= TRIES) throw error;
          await new Promise(function (go) { setTimeout(go, 500 * failed); });
        }
      } while (at < file.size);
    }
    await send("/start/upload/" + name + "/finish/", token);
    window.location.assign("/start/");
  }
  document.addEventListener("submit", function (event) {
    var form = event.target.closest("form[data-upload]");
    if (!form || !window.fetch) return;
    var files = Array.prototype.slice.call(form.querySelector("input[type=file]").files);
    if (!files.length) return;
    event.preventDefault();
    var button = form.querySelector("button");
    button.disabled = true;
    whole(form, files).catch(function () { button.disabled = false; form.submit(); });
  });
})();
