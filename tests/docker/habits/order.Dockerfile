FROM python:3.11-slim
WORKDIR /app
# all of it
COPY . .
ENV PYTHONUNBUFFERED=1
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
CMD ["python", "app.py"]
