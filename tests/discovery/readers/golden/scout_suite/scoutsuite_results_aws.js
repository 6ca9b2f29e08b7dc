scoutsuite_results =
{
 "account_id": "111122223333",
 "provider_code": "aws",
 "provider_name": "Amazon Web Services",
 "result_format": "json",
 "environment": "default",
 "last_run": {
  "ruleset_name": "default",
  "time": "2024-05-02 08:30:11+0000",
  "version": "5.14.0",
  "run_parameters": {},
  "summary": {}
 },
 "service_list": [
  "iam",
  "s3"
 ],
 "metadata": {},
 "services": {
  "s3": {
   "buckets_count": 2,
   "buckets": {
    "1111111111111111111111111111111111111111": {
     "arn": "arn:aws:s3:::example-invoices",
     "id": "1111111111111111111111111111111111111111",
     "name": "example-invoices",
     "region": "eu-west-1",
     "logging": "Disabled"
    },
    "2222222222222222222222222222222222222222": {
     "arn": "arn:aws:s3:::example-website",
     "id": "2222222222222222222222222222222222222222",
     "name": "example-website",
     "region": "eu-west-1",
     "logging": "Enabled"
    }
   },
   "findings": {
    "s3-bucket-no-logging": {
     "checked_items": 2,
     "compliance": [
      {
       "name": "CIS Amazon Web Services Foundations",
       "reference": "2.6",
       "version": "1.2.0"
      }
     ],
     "dashboard_name": "x",
     "description": "Bucket Access Logging Disabled",
     "flagged_items": 1,
     "items": [
      "s3.buckets.1111111111111111111111111111111111111111.logging"
     ],
     "level": "warning",
     "path": "s3.buckets.id",
     "rationale": "Because.",
     "references": [
      "https://docs.example.com/s3"
     ],
     "remediation": null,
     "service": "x",
     "id_suffix": "logging"
    },
    "s3-bucket-no-mfa-delete": {
     "checked_items": 2,
     "compliance": null,
     "dashboard_name": "x",
     "description": "Bucket without MFA Delete",
     "flagged_items": 0,
     "items": [],
     "level": "warning",
     "path": "s3.buckets.id",
     "rationale": "Because.",
     "references": [],
     "remediation": null,
     "service": "x"
    },
    "s3-bucket-partly": {
     "checked_items": 1,
     "compliance": null,
     "dashboard_name": "x",
     "description": "Not All Were Looked At",
     "flagged_items": 0,
     "items": [],
     "level": "warning",
     "path": "s3.buckets.id",
     "rationale": "Because.",
     "references": [],
     "remediation": null,
     "service": "x"
    }
   }
  },
  "iam": {
   "password_policy": {
    "MinimumPasswordLength": 6
   },
   "findings": {
    "iam-password-policy-minimum-length": {
     "checked_items": 1,
     "compliance": null,
     "dashboard_name": "x",
     "description": "Minimum Password Length Too Short",
     "flagged_items": 1,
     "items": [
      "iam.password_policy.MinimumPasswordLength"
     ],
     "level": "danger",
     "path": "iam.password_policy",
     "rationale": "Because.",
     "references": [],
     "remediation": "Ensure the password policy is configured",
     "service": "x"
    }
   }
  },
  "ec2": {
   "regions": {
    "eu-west-1": {
     "vpcs": {
      "vpc-0a1b2c3d4e5f60718": {
       "id": "vpc-0a1b2c3d4e5f60718",
       "name": "main",
       "security_groups": {
        "sg-0a1b2c3d4e5f60718": {
         "id": "sg-0a1b2c3d4e5f60718",
         "arn": "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0a1b2c3d4e5f60718",
         "name": "web"
        }
       }
      }
     }
    }
   },
   "findings": {
    "ec2-security-group-opens-SSH-port-to-all": {
     "checked_items": 1,
     "compliance": null,
     "dashboard_name": "x",
     "description": "Security Group Opens SSH Port to All",
     "flagged_items": 1,
     "items": [
      "ec2.regions.eu-west-1.vpcs.vpc-0a1b2c3d4e5f60718.security_groups.sg-0a1b2c3d4e5f60718.rules.ingress.protocols.TCP.ports.22.cidrs.0.CIDR"
     ],
     "level": "danger",
     "path": "ec2.regions.id.vpcs.id.security_groups.id.rules.id.protocols.id.ports.id.cidrs.id.CIDR",
     "rationale": "Because.",
     "references": [],
     "remediation": null,
     "service": "x"
    }
   }
  }
 }
}
