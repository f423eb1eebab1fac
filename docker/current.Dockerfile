# Python 3.11 and TensorFlow 2.21, with the CUDA libraries that TensorFlow's own packages bring.
#   docker build -f docker/current.Dockerfile -t adversary-critic:current .
#   docker run --gpus all -v "$PWD/runs:/work/runs" adversary-critic:current python train.py --train_dir=/work/runs
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /work
COPY requirements.txt Makefile ./
COPY constraints constraints
RUN make venv PYTHON=python3.11 VENV=/opt/venv \
 && /opt/venv/bin/python -m pip install --no-cache-dir 'tensorflow[and-cuda]==2.21.*'
ENV PATH=/opt/venv/bin:$PATH
COPY . .
CMD ["python", "-m", "pytest", "-q", "tests"]
