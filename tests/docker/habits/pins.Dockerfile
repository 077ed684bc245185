FROM python:3.11-slim
WORKDIR /app
# ranges: another build, another image
COPY requirements.in .
RUN pip install --no-cache-dir -r requirements.in
COPY app.py .
CMD ["python", "app.py"]
