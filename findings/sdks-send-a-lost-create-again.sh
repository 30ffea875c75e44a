#!/bin/sh
# Four SDKs send the POST that mints a key again when its response is lost, with nothing by which the server could see the repeat.
#
# Versions: PyGithub 2.10.0, openai 3.57.0, boto3 1.44.8 (botocore 1.44.8), slack_sdk 3.48.0; python-gitlab 8.6.0 and hvac 2.4.0
#   beside them.
# Behaviour: the server takes the POST, makes the key and closes the connection before it responds. One would expect an error
#   after one POST, as HTTP clients repeat only idempotent methods. By default PyGithub sends it eleven times, openai and boto3
#   three times, slack_sdk twice, and none of them sends an idempotency key: each POST is a key of its own that nobody holds.
#   python-gitlab and hvac send it once.
# Source: the program below; the default retry settings of each package.
# Seen:
#   PyGithub 11, openai 3, boto3 3, slack_sdk 2, python-gitlab 1, hvac 1
# For us: an action with "effect: create" is sent once, and a lost response is the outcome "unknown" (docs/outcomes.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet PyGithub==2.10.0 openai==3.57.0 boto3==1.44.8 slack_sdk==3.48.0 python-gitlab==8.6.0 hvac==2.4.0
cat >"$folder/run.py" <<'PY'
import http.server
import threading

import boto3
import github
import gitlab
import hvac
import openai
import slack_sdk

NAMES = ("idempotency-key", "x-idempotency-key", "x-client-token")
posts = []


class LoseTheResponse(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        posts.append([name for name in NAMES if self.headers.get(name)])
        self.close_connection = True

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LoseTheResponse)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def use_github():
    github.Github(auth=github.Auth.Token("t"), base_url=url).get_user().create_key("title", "ssh-ed25519 AAAA")


def use_openai():
    openai.OpenAI(admin_api_key="t", base_url=url).admin.organization.admin_api_keys.create(name="n")


def use_boto3():
    boto3.client(
        "iam", region_name="eu-central-1", aws_access_key_id="i", aws_secret_access_key="s", endpoint_url=url
    ).create_access_key(UserName="u")


def use_slack():
    slack_sdk.WebClient(base_url=url + "/api/").tooling_tokens_rotate(refresh_token="r")


def use_gitlab():
    gitlab.Gitlab(url, private_token="t").http_post("/user/personal_access_tokens", post_data={"name": "n"})


def use_hvac():
    hvac.Client(url=url, token="t").auth.token.create()


seen = {}
for name, use in (
    ("PyGithub", use_github),
    ("openai", use_openai),
    ("boto3", use_boto3),
    ("slack_sdk", use_slack),
    ("python-gitlab", use_gitlab),
    ("hvac", use_hvac),
):
    posts.clear()
    try:
        use()
    except Exception:
        pass
    else:
        raise SystemExit(f"{name}: no error")
    assert not any(posts), f"{name} sent a key: {posts}"
    seen[name] = len(posts)
print(", ".join(f"{name} {count}" for name, count in seen.items()))
assert seen == {"PyGithub": 11, "openai": 3, "boto3": 3, "slack_sdk": 2, "python-gitlab": 1, "hvac": 1}
PY
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log"
