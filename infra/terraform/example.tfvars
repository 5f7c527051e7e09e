project         = "my-project"
billing_account = "000000-000000-000000"
monthly_budget  = 500
alert_email     = "data@example.com"
