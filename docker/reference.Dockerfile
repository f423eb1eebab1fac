# Python 3.7 and TensorFlow 1.15 on a GPU host: CUDA 10.0 and cuDNN 7 drive cards up to Turing (RTX 20), no later ones.
#   docker build -f docker/reference.Dockerfile -t adversary-critic:reference .
#   docker run --gpus all -v "$PWD/runs:/work/runs" adversary-critic:reference python train.py --train_dir=/work/runs
FROM tensorflow/tensorflow:1.15.0-gpu-py3

# NVIDIA has replaced the key of the package lists that the image names; nothing is installed from them.
RUN rm -f /etc/apt/sources.list.d/cuda.list /etc/apt/sources.list.d/nvidia-ml.list \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3.7 python3.7-dev python3.7-venv g++ make \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /work
COPY requirements.txt Makefile ./
COPY constraints constraints
RUN make venv PYTHON=python3.7 VENV=/opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY . .
CMD ["python", "-m", "pytest", "-q", "tests"]
