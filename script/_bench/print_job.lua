-- Posts one fixed Print-Job again and again; the request is a file made by intake.py.
-- Counts answers by IPP status, so that a fast refusal is never taken for a fast acceptance.
-- Global, since only a thread's globals can be read in done().
accepted, refused, last = 0, 0, 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = "application/ipp"
  file:close()
  accepted, refused, last = 0, 0, 0
end

function response(status, headers, body)
  local code = -1
  if status == 200 and #body >= 4 then
    code = string.byte(body, 3) * 256 + string.byte(body, 4)
  end
  if code >= 0 and code < 0x0100 then
    accepted = accepted + 1
  else
    refused = refused + 1
    last = status * 65536 + (code < 0 and 0 or code)
  end
end

function done(summary, latency, requests)
  local yes, no, why = 0, 0, 0
  for _, thread in ipairs(threads) do
    yes = yes + thread:get("accepted")
    no = no + thread:get("refused")
    if thread:get("last") ~= 0 then why = thread:get("last") end
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"accepted":%d,"refused":%d,"last_refusal":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"socket_errors":%d}\n',
    yes, no, why, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout))
end
