# RobustNorm Lab as a Hugging Face Docker Space, or anywhere else:
#   docker build -t robustnorm-lab . && docker run --rm -p 7860:7860 robustnorm-lab
# For a CUDA torch instead of the CPU one:  docker build --build-arg TORCH_INDEX= .  and  docker run --gpus all ...

# The exact versions of everything: this tag, requirements.lock (renewed by `make lock`) and torch.lock.
FROM python:3.11.14-slim-bookworm

# Where torch and torchvision come from; both from one place, for their builds have to match.
# Empty: pip's own index, which has the CUDA build. Or another of PyTorch's indices.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV RNORM_PUBLIC=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# Spaces run a container as user 1000. It writes to ~/.cache alone: votes, and the test images when somebody fetches them.
# The folder is made here so that a volume in its place belongs to the user.
RUN useradd --create-home --uid 1000 lab && install --directory --owner=lab --group=lab /home/lab/.cache
WORKDIR /home/lab/app

# What changes least comes first: a change of the code rebuilds only the last layers. Everything belongs to root, so the
# server cannot change its own code.
COPY requirements.lock ./
RUN pip install --require-hashes --no-deps -r requirements.lock
# torch comes from another index, whose builds have other hashes.
COPY torch.lock ./
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r torch.lock

COPY pretrained ./pretrained
COPY .streamlit ./.streamlit
COPY app.py LICENSE README.md ./
COPY pages ./pages
COPY rnorm_core ./rnorm_core

USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/_stcore/health', timeout=4)"]

# A Space (it sets SPACE_ID) shows the app inside another site's frame: there the cookie of Streamlit's protection against
# forged requests has to be one for frames, which browsers accept over HTTPS only. Elsewhere the default works.
CMD ["sh", "-c", "exec python -m streamlit run app.py --server.address=0.0.0.0 --server.port=7860 \
     --server.headless=true ${SPACE_ID:+--server.xsrfCookieSameSite=none}"]
