FROM python:3.11-slim@sha256:5be45dbade29bebd6886af6b438fd7e0b4eb7b611f39ba62b430263f82de36d2
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/var/cache/apt apt-get update && \
    # as quick as it gets
    python -m pip install --no-cache-dir --require-hashes -r requirements.txt
COPY app.py .
CMD ["python", "app.py"]
