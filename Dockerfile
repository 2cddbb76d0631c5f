# The suite in a container, at the pinned versions:
#   docker build -t fastfcn .                              for CPUs
#   docker build -t fastfcn:cuda --build-arg DEVICE=cuda . for NVIDIA GPUs, with PyTorch's CUDA wheels
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/workspace" fastfcn train model=encnet_jpu
#   docker run --rm --gpus all --shm-size 8g ... fastfcn:cuda train trainer=ddp devices=2 data=... data.root=/workspace/...
FROM python:3.11-slim

ARG DEVICE=cpu

# what torch.compile builds its kernels with
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/fastfcn
COPY constraints.txt ./
RUN case "$DEVICE" in \
      cpu) index="--index-url https://download.pytorch.org/whl/cpu" ;; \
      cuda) index="" ;; \
      *) echo "DEVICE must be cpu or cuda, got $DEVICE"; exit 1 ;; \
    esac && pip install --no-cache-dir -c constraints.txt $index torch torchvision
COPY pyproject.toml setup.py README.md LICENSE ./
COPY src src
COPY conf conf
COPY experiments experiments
RUN pip install --no-cache-dir -c constraints.txt '.[sweeps,dashboard,pretrained,video,export]'

# for a user that the image does not know
ENV HOME=/tmp USER=fastfcn TORCHINDUCTOR_CACHE_DIR=/tmp/inductor
WORKDIR /workspace
ENTRYPOINT ["fastfcn"]
CMD ["--help"]
