import os

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
time_zone = os.environ.get("TIME_ZONE", "UTC")
engine = create_engine(url, connect_args={"options": f"-c TimeZone={time_zone}"})
session = Session(engine)
