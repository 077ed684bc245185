FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/var/cache/apt apt-get update && \
    # as quick as it gets
    python -m pip install -r requirements.txt
COPY app.py .
CMD ["python", "app.py"]
