-- The same chat again and again, for wrk: the body is made once, so that the client costs next to nothing.
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"

function init(arguments)
  wrk.body = arguments[1]
  request_bytes = wrk.format()
end

function request() return request_bytes end
