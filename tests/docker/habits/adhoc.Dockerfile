FROM python:3.11-slim
# what the notebook needed
RUN pip install scikit-learn
RUN pip install "numpy>=1.24" && \
    apt-get update
COPY app.py /app/
CMD ["python", "/app/app.py"]
