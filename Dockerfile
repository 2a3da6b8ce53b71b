# The image of server and worker. `--target gpu` makes one whose vectors come from an NVIDIA GPU.

FROM python:3.12-slim AS common
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1 \
    OMP_WAIT_POLICY=PASSIVE \
    WINNOW_HOME=/var/lib/winnow \
    WINNOW_HOST=0.0.0.0 \
    WINNOW_IMPORT_ROOTS=/pictures
WORKDIR /opt/winnow
# What changes rarely comes first: new code does not install everything anew.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir app ml \
    && pip install --constraint constraints.txt --editable '.[postgres]'
RUN useradd --system --uid 10001 --home-dir /var/lib/winnow --create-home winnow \
    && mkdir /pictures
COPY . .
USER 10001
VOLUME /var/lib/winnow
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/api/v1/health/ready', timeout=4)"]
CMD ["winnow", "serve"]

FROM common AS gpu
USER 0
# The packages for the GPU lie where those for the CPU lay.
RUN pip uninstall --yes faiss-cpu onnxruntime \
    && pip install 'faiss-gpu>=1.15' 'onnxruntime-gpu[cuda,cudnn]>=1.23'
USER 10001

FROM common AS server
